package health

// Files are the open files and connections of this process.
type Files struct {
	Open  int
	Limit int // more than this cannot be open
}

// Short reports whether so few are left that the next connection, or the next file of the ledger, may be refused.
func (f Files) Short() bool { return f.Limit > 0 && f.Open > f.Limit-f.Limit/5 }
