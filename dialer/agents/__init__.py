"""Who talks: agents' sessions, their seats, and who gets the next debtor."""
