"""The rules that people size requests with today, each behind one protocol, as yardsticks for the planner's own.

No rule here rounds or floors its answer unless that is part of its formula (``vpa`` truncates to whole millicores and
bytes), so that the formulas are compared and the caller puts the same floors under all of them. One series of a
window stands for one container.
"""
