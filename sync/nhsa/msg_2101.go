package nhsa

import (
	"errors"

	"gongji/settle"
)

// InfnoQuote is 2101 药店预结算: what a sale would cost whom. It books nothing, so it may be repeated.
const InfnoQuote = "2101"

// QuoteInfo is druginfo as 2101 has it: without the receipt's number.
type QuoteInfo struct {
	PsnNo        string `json:"psn_no" wire:"C30,M"`
	CertType     string `json:"mdtrt_cert_type" wire:"C3,M,d"`
	CertNo       string `json:"mdtrt_cert_no" wire:"C50,M"`
	Begin        Stamp  `json:"begntime" wire:"DT,M"`
	Total        Amount `json:"medfee_sumamt" wire:"N16.2,M"`
	Invoice      string `json:"-" wire:"C20"`
	Insurance    string `json:"insutype" wire:"C6,M,d"`
	DiseaseCode  string `json:"dise_codg" wire:"C30"`
	DiseaseName  string `json:"dise_name" wire:"C500"`
	UseAccounts  string `json:"acct_used_flag" wire:"C3,M,d"`
	MedType      string `json:"med_type" wire:"C6,M,d"`
	ExtraContent string `json:"exp_content,omitempty" wire:"C4000"`
}

// QuoteInput is the input of 2101.
type QuoteInput struct {
	Info    QuoteInfo    `json:"druginfo"`
	Details []DrugDetail `json:"drugdetail"`
}

// PharmacyQuote is 2101 for the sale of a dossier.
type PharmacyQuote struct {
	Dossier    settle.Dossier
	Extensions Extensions
}

// Infno is 2101.
func (PharmacyQuote) Infno() string { return InfnoQuote }

// Input builds druginfo and drugdetail. Trace codes are for the settlement alone.
func (m PharmacyQuote) Input() (any, bool, error) {
	settlement, err := PharmacySettle(m).build()
	if err != nil {
		return nil, true, err
	}
	input := QuoteInput{Info: QuoteInfo(settlement.Info), Details: settlement.Details}
	return input, true, input.Check()
}

// Check holds a 2101 against its table and identities, on either side.
func (q QuoteInput) Check() error { return checkMessage(q, q.Settlement().identities) }

// Settlement is the 2102 that a quote stands for.
func (q QuoteInput) Settlement() SettleInput {
	return SettleInput{Info: DrugInfo(q.Info), Details: q.Details}
}

// DecodeQuote reads setlinfo of 2101 under the same identities as a booking.
func (c *Client) DecodeQuote(a *Answer, sent *settle.Dossier) (settle.Figures, error) {
	f, err := a.one("setlinfo")
	if err != nil {
		return settle.Figures{}, err
	}
	figures := f.figures()
	if person := f.text("psn_no"); person != "" && person != sent.Identity.PsnNo {
		f.fail("psn_no", errors.New("is another person's"))
	}
	if f.fault == nil && figures.Total != sent.Figures.Total {
		f.fail("medfee_sumamt", errors.New("is not the total that was sent"))
	}
	if f.fault == nil {
		f.fault = checkFunds(a, figures, c.options.Dialect)
	}
	return figures, f.fault
}
