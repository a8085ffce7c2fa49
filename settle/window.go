package settle

// CheckRefundWindow refuses a return that comes later than the policy lets the counter make it; today is the day of the
// return, both dates are days in Beijing. The error is RULE_REFUSED with E_REFUND_WINDOW and the last day that was
// allowed. Where a region sets no window, whether a month is already filed is the centre's to say.
func CheckRefundWindow(rules *Rules, settled, today Date) error {
	most := rules.Refund.MaxDays
	if !most.Set || today <= settled.AddDays(most.Max) {
		return nil
	}
	return rules.refusal(ERefundWindow, "refund.max_days").With("allowed", settled.AddDays(most.Max).String())
}

// Rollover turns the money of the ended account year into money of earlier years in a two-pot account, and reports
// whether it did. lastDone is the day the balances are of: of the last rollover, or of the snapshot they came with; where
// it is not known (0) nothing moves, since this year's money must not be passed off as last year's. Doing it again on
// the same day changes nothing. Frozen money stays frozen; nothing is ever cleared to zero. The sum does not change.
func Rollover(rules *Rules, a Account, lastDone, today Date) (Account, bool) {
	if rules.Year.Rollover != RolloverCurrentToPrior || !a.TwoPots || lastDone == 0 ||
		rules.AccountYear(today) <= rules.AccountYear(lastDone) {
		return a, false
	}
	a.Prior, a.Current = a.Prior+a.Current, 0
	return a, true
}

// RolloverCurrentToPrior is the value of year.rollover in regions with two pots.
const RolloverCurrentToPrior = "current_to_prior"
