"""What people read: a report as text, and a page for notebooks."""
