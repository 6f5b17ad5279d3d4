"""Curves as Plotly figures."""
