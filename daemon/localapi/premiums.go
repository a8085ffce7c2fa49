package localapi

import (
	"context"
	"errors"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
	"gongji/settle"
)

// PremiumAnswer is a relative's yearly contribution paid from givers' accounts.
type PremiumAnswer struct {
	PremiumID      string          `json:"premium_id"`
	Kind           string          `json:"kind" doc:"Of insurance"`
	Year           int             `json:"year"`
	Amount         Yuan            `json:"amount"`
	Payer          string          `json:"payer" doc:"Masked name"`
	Beneficiary    string          `json:"beneficiary" doc:"Masked name"`
	State          string          `json:"state" enum:"paid,cancelled"`
	Report         string          `json:"report" doc:"The centre's side: pending, accepted, unknown, refused or adjusted"`
	At             time.Time       `json:"at"`
	POS            string          `json:"pos"`
	Operator       string          `json:"operator"`
	ReceiptNo      string          `json:"receipt_no"`
	CancellationID string          `json:"cancellation_id,omitempty"`
	Postings       []PostingAnswer `json:"postings" doc:"own is the payer's account"`
	CollectedBy    string          `json:"collected_by" enum:"counter,tax_channel" doc:"tax_channel: recorded here, collected by the tax authority"`
	WaitDays       int             `json:"wait_days,omitempty" doc:"Paid late: benefits begin that many days later"`
	Policy         PolicyAnswer    `json:"policy"`
	Message        string          `json:"message" doc:"Chinese, for the cashier"`
}

// CancellationAnswer is a contribution that was taken back.
type CancellationAnswer struct {
	CancellationID string          `json:"cancellation_id"`
	PremiumID      string          `json:"premium_id"`
	Amount         Yuan            `json:"amount"`
	Operator       string          `json:"operator"`
	Reason         string          `json:"reason,omitempty"`
	ReceiptNo      string          `json:"receipt_no"`
	Report         string          `json:"report"`
	Postings       []PostingAnswer `json:"postings"`
	State          string          `json:"state" enum:"preview,paid,cancelled" doc:"Of the contribution afterwards; preview: nothing was written"`
	ConfirmDigest  string          `json:"confirm_digest,omitempty" doc:"Of a preview: to be sent back to confirm it"`
	Message        string          `json:"message,omitempty" doc:"Chinese, for the cashier"`
}

func premiumAnswer(p *settle.PremiumView) PremiumAnswer {
	answer := PremiumAnswer{
		PremiumID: p.ID, Kind: p.Kind, Year: p.Year, Amount: yuan(p.Amount), Payer: p.PayerMasked, Beneficiary: p.BeneficiaryMasked,
		State: "paid", Report: string(reportOf(p.Report)), At: p.At.In(settle.Beijing), POS: p.POS, Operator: p.Operator.ID,
		ReceiptNo: p.ReceiptNo, CancellationID: p.CancelID, Postings: payerPostings(p.Postings, p.Payer), CollectedBy: "tax_channel",
		WaitDays: p.LateWaitDays, Policy: PolicyAnswer(p.Policy), Message: "已登记代缴，由税务渠道收缴；待遇以官方缴费凭证为准。",
	}
	if p.AtCounter {
		answer.CollectedBy, answer.Message = "counter", "已代缴；待遇以官方缴费凭证为准。"
	}
	if p.Cancelled {
		answer.State, answer.Message = "cancelled", "代缴已撤销，款项退回原账户。"
	}
	return answer
}

// payerPostings show the payer's own balance and no other giver's. The payer stands at the counter with the card.
func payerPostings(postings []settle.Posting, payer settle.PersonID) []PostingAnswer {
	answers := postingAnswers(postings, nil)
	for i := range postings {
		answers[i].Why, answers[i].OwnBalanceAfter, answers[i].Source = whyPot(postings[i].Pot), nil, "shared"
		if postings[i].Person == payer {
			answers[i].Source, answers[i].OwnBalanceAfter = "own", yuanOf(postings[i].After)
		}
	}
	return answers
}

// whyPot says of money that goes back where it goes, if not to an account.
func whyPot(pot settle.Pot) string {
	if pot == settle.PotAgency {
		return "账户已注销或持有人已故，请到医保经办机构办理；不付现金。"
	}
	return ""
}

func cancellationAnswer(c *settle.PremiumCancel) CancellationAnswer {
	answer := CancellationAnswer{
		CancellationID: c.ID, PremiumID: c.Premium.ID, Amount: yuan(c.Premium.Amount), Operator: c.Operator.ID, Reason: c.Reason,
		ReceiptNo: c.ReceiptNo, Report: string(reportOf(c.Report)), Postings: payerPostings(c.Postings, c.Premium.Payer),
		State: premiumAnswer(&c.Premium).State, ConfirmDigest: c.ConfirmDigest, Message: premiumAnswer(&c.Premium).Message,
	}
	if c.ConfirmDigest != "" {
		answer.State, answer.Report, answer.Message = "preview", "", previewMessage
	}
	return answer
}

type premiumInput struct{ Body session.PremiumRequest }

// Resolve adds what the schema cannot say.
func (in *premiumInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

func (s *Server) addPremium(op huma.Operation) {
	op.Description = "The payer's own card is in the reader. There is no cash part: paid whole or not at all, and never offline."
	register(s, creates[PremiumAnswer](s, op), func(ctx context.Context, in *premiumInput) (*created[PremiumAnswer], error) {
		in.Body.POS = callOf(ctx).token.Name
		view, replayed, err := s.o.Session.PayPremium(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return answered(premiumAnswer(&view), replayed), nil
	})
}

type cancelPremiumInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body session.CancelPremiumRequest
}

// Resolve adds what the schema cannot say.
func (in *cancelPremiumInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

func (s *Server) addCancelPremium(op huma.Operation) {
	register(s, creates[CancellationAnswer](s, op), func(ctx context.Context, in *cancelPremiumInput) (*created[CancellationAnswer], error) {
		in.Body.POS, in.Body.PremiumID = callOf(ctx).token.Name, in.ID
		if err := s.allowCancel(ctx, &in.Body); err != nil {
			return nil, err
		}
		cancel, replayed, err := s.o.Session.CancelPremium(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return asked(cancellationAnswer(&cancel), replayed, in.Body.Preview), nil
	})
}

// allowCancel holds the rules of roles, as allowReturn does for a reversal: a cashier cancels with the card what the same
// till took on the same day. A finished id is answered again whatever the day. FORBIDDEN, NOT_FOUND.
func (s *Server) allowCancel(ctx context.Context, r *session.CancelPremiumRequest) error {
	c := callOf(ctx)
	if c.manager() {
		return nil
	}
	if r.WithoutCard {
		return settle.NewError(settle.Forbidden, nil).With("needs", string(Manager))
	}
	if _, err := s.o.Session.PremiumCancellation(ctx, r.CancelID); !r.Preview && !errors.Is(err, settle.NewError(settle.NotFound, nil)) {
		return err
	}
	paid, err := s.o.Session.Premium(ctx, r.PremiumID)
	if err != nil {
		return err
	}
	if paid.POS != c.token.Name || settle.DateOf(paid.At) != settle.DateOf(s.o.Clock()) {
		return settle.NewError(settle.Forbidden, nil).With("needs", string(Manager))
	}
	return nil
}

type findPremiumInput struct {
	ID string `path:"premium_id" maxLength:"64"`
}

type premiumOutput struct{ Body PremiumAnswer }

func (s *Server) addFindPremium(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *findPremiumInput) (*premiumOutput, error) {
		view, err := s.o.Session.Premium(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &premiumOutput{Body: premiumAnswer(&view)}, nil
	})
}
