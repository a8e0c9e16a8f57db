"""How fast the engines are: ``python -m benchmarks``. No part of the installed package."""
