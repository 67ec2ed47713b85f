"""What people and programs read of a Plan. Nothing here decides; everything is text out of values in."""
