"""The parts that `up` keeps running: code server, daemon and webserver, and who watches them."""
