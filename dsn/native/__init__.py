"""The native engine's C++ sources, and the shared libraries that setup.py builds of them where there is a compiler.

README.md beside this file says how they are built, chosen and debugged.
"""
