"""placeholder."""
from planner.collectors.prices.split import ResourcePrices, resource_prices
__all__ = ["ResourcePrices", "resource_prices"]
