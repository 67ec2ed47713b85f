"""Settings of autoscalers: closed forms to start from, screening, and the choice by replay."""
