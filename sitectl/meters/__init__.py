"""Grid meters: polled, decoded by sheets, judged by age."""
