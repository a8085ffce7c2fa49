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
	{http.MethodGet, "/v1/attention", false, "attention", "Everything that waits for a decision; manager", (*Server).addAttention},
	{http.MethodPost, "/v1/attention/{id}", false, "close-attention", "Takes an item off the list; manager", (*Server).addCloseAttention},
	{http.MethodPost, "/v1/bindings", false, "bind", "Asks the centre for a binding", (*Server).addBind},
	{http.MethodPost, "/v1/bindings/import", false, "import", "Previews or applies a signed file of people, accounts and bindings; manager", (*Server).addImport},
	{http.MethodDelete, "/v1/bindings/{id}", false, "end-binding", "Asks the centre to end a binding", (*Server).addEndBinding},
	{http.MethodPatch, "/v1/bindings/{id}", false, "change-binding", "Asks the centre for a new rank or limit", (*Server).addChangeBinding},
	{http.MethodGet, "/v1/events", false, "events", "Server-sent events", (*Server).addEvents},
	{http.MethodGet, "/v1/people/me/accounts", false, "my-accounts", "The accounts behind the card now in the reader", (*Server).addAccounts},
	{http.MethodGet, "/v1/people/me/bindings", false, "my-bindings", "The bindings of the holder of the card now in the reader", (*Server).addBindings},
	{http.MethodPost, "/v1/premiums", false, "pay-premium", "Pays a relative's yearly contribution from the giver's account", (*Server).addPremium},
	{http.MethodPost, "/v1/premiums/{id}/cancellation", false, "cancel-premium", "Takes a contribution back", (*Server).addCancelPremium},
	{http.MethodGet, "/v1/premiums/{premium_id}", false, "find-premium", "What became of a contribution", (*Server).addFindPremium},
	{http.MethodPost, "/v1/quotes", false, "quote", "What a settlement would do; changes nothing", (*Server).addQuote},
	{http.MethodGet, "/v1/reader", false, "readers", "Readers and the cards in them, masked", (*Server).addReader},
	{http.MethodGet, "/v1/refunds/{refund_id}", false, "find-refund", "What became of a refund", (*Server).addFindRefund},
	{http.MethodGet, "/v1/requests/{request_id}", false, "find-request", "What became of a request for a binding", (*Server).addFindRequest},
	{http.MethodGet, "/v1/reversals/{reversal_id}", false, "find-reversal", "What became of a reversal", (*Server).addFindReversal},
	{http.MethodGet, "/v1/sales/{sale_id}", false, "find-sale", "What became of a sale", (*Server).addFindSale},
	{http.MethodPost, "/v1/settlements", false, "settle", "Settles a sale", (*Server).addSettle},
	{http.MethodGet, "/v1/settlements/{id}", false, "find-settlement", "What happened", (*Server).addFindSettlement},
	{http.MethodGet, "/v1/settlements/{id}/explanation", false, "explanation", "Every account that was tried, and why it stopped", (*Server).addExplanation},
	{http.MethodGet, "/v1/settlements/{id}/receipt", false, "receipt", "The slip", (*Server).addReceipt},
	{http.MethodPost, "/v1/settlements/{id}/refunds", false, "refund", "Takes lines or quantities back", (*Server).addRefund},
	{http.MethodPost, "/v1/settlements/{id}/reversal", false, "reverse", "Cancels the whole settlement", (*Server).addReversal},
}

// schemaFor is the reference to a type's schema in the document.
func schemaFor[T any](s *Server) *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, reflect.TypeFor[T]().Name())
}
