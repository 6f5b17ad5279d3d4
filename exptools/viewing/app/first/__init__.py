"""What a browser sees before the page's scripts have run: the frame, and the first picture."""
