"""From recorded trials to statistics, tables, figures and reports: pure, a frame in, an object out."""
