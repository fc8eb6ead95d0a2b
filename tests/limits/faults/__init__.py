"""What tests of faults and of many processes are made with: hammers, a slow line, a server that can be hurt."""
