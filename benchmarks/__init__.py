"""What governing costs, against not governing: one file per question, printed as ratios of one interleaved run."""
