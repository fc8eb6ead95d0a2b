"""What servers said of themselves, over time: kept, thinned out with age, read for plots, and carried on."""
