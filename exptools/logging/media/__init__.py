"""What is logged and is no scalar: images, figures, histograms, texts, files."""
