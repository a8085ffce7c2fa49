package ledger

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gongji/settle"
)

// The steps that confirm.steps may name (S-050, S-180).
const (
	stepPremiumCancel = "premium_cancel"
)

// kindConfirm is the index kind of what people confirm.
const kindConfirm = "confirm"

// confirmDigest is a keyed hash over what a step would do: 64 hexadecimal digits. Who works the till and the number of the
// request are no part of it.
func (t *tx) confirmDigest(step string, content any) (string, error) {
	data, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("encode what is to be confirmed: %w", err)
	}
	return hex.EncodeToString(t.vault().mac(kindConfirm, step+"|"+string(data))), nil
}

// requestDigest is the digest of a request as it was completed: all of its content, so that what was shown is what is sent.
func (t *tx) requestDigest(request *settle.BindingRequest) (string, error) {
	shown := *request
	shown.ID, shown.POS, shown.Operator, shown.At = "", "", settle.Operator{}, time.Time{}
	return t.confirmDigest(string(request.Action), shown)
}

// cancelDigest is the digest of a cancellation: the contribution, and what goes back where.
func (t *tx) cancelDigest(record *premiumCancelRecord) (string, error) {
	return t.confirmDigest(stepPremiumCancel, struct {
		Premium  string
		Postings []settle.Posting
	}{record.Premium, record.Cancel.Postings})
}

// checkConfirm holds what was confirmed against what would be done now. Without a digest, only the steps that
// confirm.steps names are refused, so that tills which ask people in their own way go on as before.
func checkConfirm(rules *settle.Rules, step, digest, confirmed string) error {
	switch {
	case confirmed == "" && slices.Contains(rules.Confirm.Steps, step):
		return settle.Refused(settle.EConfirmMissing).With("rule", "confirm.steps")
	case confirmed != "" && confirmed != digest:
		return settle.Refused(settle.EConfirmChanged).With("confirm_digest", digest)
	}
	return nil
}

// PreviewBinding checks a request as RequestBinding does and writes nothing: the request as it would be sent, and the digest
// by which it is confirmed. Errors are those of RequestBinding; an id that was used is not looked at.
func (l *Ledger) PreviewBinding(ctx context.Context, order settle.BindingOrder) (view settle.RequestView, err error) {
	err = l.read(ctx, func(t *tx) error {
		p, err := t.prepareRequest(&order)
		if err != nil {
			return err
		}
		view.BindingRequest, view.GiverMasked, view.BeneficiaryMasked = p.request, p.giver.person.Masked, p.beneficiary.person.Masked
		view.ConfirmDigest, err = t.requestDigest(&p.request)
		return err
	})
	return view, err
}

// PreviewCancel checks a cancellation as CancelPremium does and writes nothing.
func (l *Ledger) PreviewCancel(ctx context.Context, order settle.PremiumCancelOrder) (cancel settle.PremiumCancel, err error) {
	err = l.read(ctx, func(t *tx) error {
		p, err := t.prepareCancel(&order)
		if err != nil {
			return err
		}
		cancel, cancel.Premium = p.record.Cancel, p.paid
		cancel.ConfirmDigest, err = t.cancelDigest(&p.record)
		return err
	})
	return cancel, err
}
