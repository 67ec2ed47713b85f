"""The HorizontalPodAutoscaler controller replayed: one sync to the letter, and many settings at once."""
