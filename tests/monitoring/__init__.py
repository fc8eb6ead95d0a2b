"""What Prometheus and Grafana make of `/metrics`, by the files under docs/monitoring."""
