package localapi

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// route is one path of the API.
type route struct {
	method  string
	path    string
	open    bool // needs no token
	id      string
	summary string
	add     func(*Server, huma.Operation)
}

// routes is every path of the API, sorted by path and method. The console and other pages come through Mount.
var routes = []route{
	{http.MethodGet, "/livez", true, "livez", "The process answers", (*Server).addLivez},
	{http.MethodGet, "/openapi.json", true, "openapi", "This document", (*Server).addOpenAPI},
	{http.MethodGet, "/readyz", true, "readyz", "The daemon can settle; offline is ready with a warning", (*Server).addReadyz},
	{http.MethodPost, "/v1/allowances/return", false, "return-allowances", "Gives back what the centre guarantees this venue; manager", (*Server).addReturnAllowances},
	{http.MethodGet, "/v1/attention", false, "attention", "Everything that waits for a decision; manager", (*Server).addAttention},
	{http.MethodPost, "/v1/attention/{id}", false, "close-attention", "Takes an item off the list; manager", (*Server).addCloseAttention},
	{http.MethodGet, "/v1/audit", false, "audit", "Who did, tried or looked at what; manager", (*Server).addAudit},
	{http.MethodPost, "/v1/bindings", false, "bind", "Asks the centre for a binding", (*Server).addBind},
	{http.MethodPost, "/v1/bindings/import", false, "import", "Previews or applies a signed file of people, accounts and bindings; manager", (*Server).addImport},
	{http.MethodDelete, "/v1/bindings/{id}", false, "end-binding", "Asks the centre to end a binding", (*Server).addEndBinding},
	{http.MethodPatch, "/v1/bindings/{id}", false, "change-binding", "Asks the centre for a new rank or limit", (*Server).addChangeBinding},
	{http.MethodGet, "/v1/events", false, "events", "Server-sent events", (*Server).addEvents},
	{http.MethodGet, "/v1/exports", false, "export", "Records, a report or a statement as a file; manager", (*Server).addExport},
	{http.MethodGet, "/v1/guidance", false, "guidance", "What the region says to people: where to bind, to pay, to ask", (*Server).addGuidance},
	{http.MethodGet, "/v1/people/me/accounts", false, "my-accounts", "The accounts behind the card now in the reader", (*Server).addAccounts},
	{http.MethodGet, "/v1/people/me/bindings", false, "my-bindings", "The bindings of the holder of the card now in the reader", (*Server).addBindings},
	{http.MethodGet, "/v1/people/me/history", false, "my-history", "How the data of the holder of the card now in the reader have changed", (*Server).addHistory},
	{http.MethodGet, "/v1/people/me/statement", false, "my-statement", "The use of the holder of the card now in the reader", (*Server).addStatement},
	{http.MethodPost, "/v1/premiums", false, "pay-premium", "Pays a relative's yearly contribution from the giver's account", (*Server).addPremium},
	{http.MethodPost, "/v1/premiums/{id}/cancellation", false, "cancel-premium", "Takes a contribution back", (*Server).addCancelPremium},
	{http.MethodGet, "/v1/premiums/{premium_id}", false, "find-premium", "What became of a contribution", (*Server).addFindPremium},
	{http.MethodGet, "/v1/premiums/{premium_id}/cancellation/receipt", false, "premium-cancellation-receipt", "The slip of a contribution that was taken back", (*Server).addCancellationReceipt},
	{http.MethodGet, "/v1/premiums/{premium_id}/receipt", false, "premium-receipt", "The slip of a contribution", (*Server).addPremiumReceipt},
	{http.MethodPost, "/v1/quotes", false, "quote", "What a settlement would do; changes nothing", (*Server).addQuote},
	{http.MethodGet, "/v1/reader", false, "readers", "Readers and the cards in them, masked", (*Server).addReader},
	{http.MethodGet, "/v1/reconciliations", false, "reconciliations", "Days held against the centre's book; manager", (*Server).addReconciliations},
	{http.MethodPost, "/v1/reconciliations", false, "reconcile", "Holds a day against the centre's book, now; manager", (*Server).addReconcile},
	{http.MethodPost, "/v1/reconciliations/close", false, "close-month", "Closes a month whose days agree; manager", (*Server).addCloseMonth},
	{http.MethodGet, "/v1/reconciliations/{month}/bundle", false, "reconciliation-bundle", "The finance desk's zip of a month; manager", (*Server).addBundle},
	{http.MethodGet, "/v1/records", false, "records", "Settlements by time, person, doctor, words and more", (*Server).addRecords},
	{http.MethodGet, "/v1/refunds/{refund_id}", false, "find-refund", "What became of a refund", (*Server).addFindRefund},
	{http.MethodGet, "/v1/refunds/{refund_id}/receipt", false, "refund-receipt", "The slip of a refund", (*Server).addRefundReceipt},
	{http.MethodGet, "/v1/reports", false, "report", "Totals of a period, net of returns; manager", (*Server).addReport},
	{http.MethodGet, "/v1/reports/repeats", false, "repeats", "Who was sold the same goods in several bills of a day; manager", (*Server).addRepeats},
	{http.MethodGet, "/v1/requests/{request_id}", false, "find-request", "What became of a request for a binding", (*Server).addFindRequest},
	{http.MethodGet, "/v1/reversals/{reversal_id}", false, "find-reversal", "What became of a reversal", (*Server).addFindReversal},
	{http.MethodGet, "/v1/reversals/{reversal_id}/receipt", false, "reversal-receipt", "The slip of a reversal", (*Server).addReversalReceipt},
	{http.MethodGet, "/v1/sales/{sale_id}", false, "find-sale", "What became of a sale", (*Server).addFindSale},
	{http.MethodPost, "/v1/settlements", false, "settle", "Settles a sale", (*Server).addSettle},
	{http.MethodGet, "/v1/settlements/{id}", false, "find-settlement", "What happened", (*Server).addFindSettlement},
	{http.MethodGet, "/v1/settlements/{id}/explanation", false, "explanation", "Every account that was tried, and why it stopped", (*Server).addExplanation},
	{http.MethodGet, "/v1/settlements/{id}/receipt", false, "receipt", "The slip", (*Server).addReceipt},
	{http.MethodPost, "/v1/settlements/{id}/refunds", false, "refund", "Takes lines or quantities back", (*Server).addRefund},
	{http.MethodPost, "/v1/settlements/{id}/reversal", false, "reverse", "Cancels the whole settlement", (*Server).addReversal},
	{http.MethodGet, "/v1/upstream", false, "upstream", "How the way to the centre stands; a cashier sees the state alone", (*Server).addUpstream},
}

// schemaFor is the reference to a type's schema in the document.
func schemaFor[T any](s *Server) *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, reflect.TypeFor[T]().Name())
}
