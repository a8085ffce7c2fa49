package settle

// RepeatedPurchase is a pattern to look at (S-208): one person was sold the same goods in several bills of one day. It is no
// proof of anything; what was wholly reversed does not count.
type RepeatedPurchase struct {
	Day    Date
	Masked string // name of the patient
	Code   string // national item code
	Sales  int    // bills
	Amount Fen    // of these lines, as sold
	Last   string // id of the last of the settlements
}
