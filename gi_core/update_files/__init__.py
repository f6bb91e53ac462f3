"""Files of one recorded round: checkpoint, update, batch norm statistics. Nothing here loads torch but `round`."""
