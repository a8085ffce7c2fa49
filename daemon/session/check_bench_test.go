package session_test

import "testing"

// BenchmarkCheck is what a bill of three lines costs to be read and checked.
func BenchmarkCheck(b *testing.B) {
	bill := sale("S-000000001", "25.00")
	bill.Lines = append(bill.Lines, bill.Lines[0], bill.Lines[0])
	bill.Lines[1].ID, bill.Lines[2].ID = "2", "3"
	b.ReportAllocs()
	for b.Loop() {
		if _, faults := bill.Check(); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}
