package localapi

import (
	"net/http"

	"gongji/settle"
)

// kioskRoutes is all that a kiosk's token opens (S-153, S-155): which card is in the reader, and what its holder may see of
// themselves. A screen that everybody can touch settles, changes and finds nothing.
var kioskRoutes = map[string]bool{
	http.MethodGet + " /v1/guidance":            true,
	http.MethodGet + " /v1/people/me/accounts":  true,
	http.MethodGet + " /v1/people/me/statement": true,
	http.MethodGet + " /v1/reader":              true,
}

// confined is FORBIDDEN where a kiosk's token asks for anything but the looks of the card's holder at themselves. An unknown
// path is left to be told as such.
func confined(c *call) error {
	if c.token.Role != Kiosk || c.route == "" || kioskRoutes[c.route] {
		return nil
	}
	return settle.NewError(settle.Forbidden, nil).With("needs", string(Cashier))
}
