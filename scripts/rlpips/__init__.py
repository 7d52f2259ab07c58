"""What R-LPIPS is trained with and judged by: distortions, judges, ranking, attacks on a metric."""
