package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"gongji/daemon/localapi"
)

// SlipForm is how a slip is printed. Printing counts: from the second time on the slip says that it is a copy.
type SlipForm struct {
	Format  string // text (GB18030), escpos or pdf
	Columns int    // 32 or 48; 0: 32
	Large   bool   // twice as large, for those who see badly: half the columns fit
}

func (f SlipForm) values() url.Values {
	query := url.Values{"format": {f.Format}}
	if f.Columns > 0 {
		query.Set("columns", strconv.Itoa(f.Columns))
	}
	if f.Large {
		query.Set("large", "true")
	}
	return query
}

func settlementSlip(id string) string { return "/v1/settlements/" + url.PathEscape(id) + "/receipt" }
func refundSlip(id string) string     { return "/v1/refunds/" + url.PathEscape(id) + "/receipt" }
func reversalSlip(id string) string   { return "/v1/reversals/" + url.PathEscape(id) + "/receipt" }
func premiumSlip(id string) string    { return "/v1/premiums/" + url.PathEscape(id) + "/receipt" }

// PrintReceipt writes a settlement's slip to w, ready for the printer.
func (c *Client) PrintReceipt(ctx context.Context, settlement string, form SlipForm, w io.Writer) (File, error) {
	return c.download(ctx, withQuery(settlementSlip(settlement), form.values()), w)
}

// RefundReceipt is the contents of a refund's slip, by the till's refund id.
func (c *Client) RefundReceipt(ctx context.Context, refund string) (localapi.ReturnReceiptAnswer, error) {
	answer, _, err := call[localapi.ReturnReceiptAnswer](ctx, c, http.MethodGet, refundSlip(refund), nil)
	return answer, err
}

// PrintRefundReceipt writes a refund's slip to w.
func (c *Client) PrintRefundReceipt(ctx context.Context, refund string, form SlipForm, w io.Writer) (File, error) {
	return c.download(ctx, withQuery(refundSlip(refund), form.values()), w)
}

// ReversalReceipt is the contents of a reversal's slip, by the till's reversal id.
func (c *Client) ReversalReceipt(ctx context.Context, reversal string) (localapi.ReturnReceiptAnswer, error) {
	answer, _, err := call[localapi.ReturnReceiptAnswer](ctx, c, http.MethodGet, reversalSlip(reversal), nil)
	return answer, err
}

// PrintReversalReceipt writes a reversal's slip to w.
func (c *Client) PrintReversalReceipt(ctx context.Context, reversal string, form SlipForm, w io.Writer) (File, error) {
	return c.download(ctx, withQuery(reversalSlip(reversal), form.values()), w)
}

// PremiumReceipt is the contents of a contribution's slip, by the till's premium id.
func (c *Client) PremiumReceipt(ctx context.Context, premium string) (localapi.PremiumReceiptAnswer, error) {
	answer, _, err := call[localapi.PremiumReceiptAnswer](ctx, c, http.MethodGet, premiumSlip(premium), nil)
	return answer, err
}

// PrintPremiumReceipt writes a contribution's slip to w.
func (c *Client) PrintPremiumReceipt(ctx context.Context, premium string, form SlipForm, w io.Writer) (File, error) {
	return c.download(ctx, withQuery(premiumSlip(premium), form.values()), w)
}

func cancellationSlip(premium string) string {
	return "/v1/premiums/" + url.PathEscape(premium) + "/cancellation/receipt"
}

// CancellationReceipt is the contents of the slip of a contribution's cancellation, by the till's premium id.
func (c *Client) CancellationReceipt(ctx context.Context, premium string) (localapi.CancellationReceiptAnswer, error) {
	answer, _, err := call[localapi.CancellationReceiptAnswer](ctx, c, http.MethodGet, cancellationSlip(premium), nil)
	return answer, err
}

// PrintCancellationReceipt writes the slip of a contribution's cancellation to w.
func (c *Client) PrintCancellationReceipt(ctx context.Context, premium string, form SlipForm, w io.Writer) (File, error) {
	return c.download(ctx, withQuery(cancellationSlip(premium), form.values()), w)
}
