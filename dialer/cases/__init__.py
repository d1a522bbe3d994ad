"""Who: debtors, their debts and numbers, and the cases that creditors assigned."""
