"""From the Plan to the objects that carry it out: patch bodies, and a folder of them for kustomize and kubectl."""
