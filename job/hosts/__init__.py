"""What differs between machines: GPU, driver, disk and volume, the libraries' own variables, the Hub, batch platforms."""
