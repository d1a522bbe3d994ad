"""What every other room stands on: time, ids, phone numbers, errors, events. No I/O."""
