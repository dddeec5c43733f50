"""The colour ramps of all figures and pages."""

from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap

from gcov.figures.palette import FELL, ROSE

LEVEL, AMOUNT = colormaps["gray"], colormaps["viridis"]  # backscatter; numbers, dates and spreads
CHANGE = LinearSegmentedColormap.from_list("change", [FELL, "#fd8251", "#f7f7f7", "#7397a4", ROSE])
CHANGE_DB = 6.0  # at both ends of CHANGE, in all figures
