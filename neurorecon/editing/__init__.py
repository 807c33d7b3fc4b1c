"""Trees made whole and put in their place: repair, joining, resampling, smoothing, shifting."""
