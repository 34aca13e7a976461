"""Maps: rooms laid out on a grid by their compass exits, drawn in the terminal and as SVG."""

from sandbox.world.map.layout import GridCell, layout
from sandbox.world.map.plan import FloorPlan, MapWay, plan_of
from sandbox.world.map.seen import seen_by
from sandbox.world.map.svg import svg
from sandbox.world.map.terminal import draw

__all__ = ["GridCell", "FloorPlan", "MapWay", "draw", "layout", "plan_of", "seen_by", "svg"]
