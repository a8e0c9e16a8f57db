"""How sure a comparison is: the tests and intervals with which this field compares classifiers; pure."""
