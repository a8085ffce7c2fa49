package measure

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"gongji/cmd/gongji-bench/shop"
	"gongji/daemon/session"
)

// sale is a bill of three lines, of which one has a trace code.
func sale(n int) session.SettleRequest {
	return session.SettleRequest{SaleRequest: session.SaleRequest{
		SaleID: saleID(n), Terminal: shop.Till(n % tills), Operator: session.OperatorRequest{ID: "1001", Name: "李敏"}, MedType: "41",
		PersonCheck: "card_read",
		Lines: []session.LineRequest{
			{
				ID: "1", Code: "XA01ABD075A002010100483", ShopCode: "6901", Name: "阿莫西林胶囊", Class: "drug_a", Quantity: "1", UnitPrice: "25.00",
				Total: "25.00", TraceCodes: []string{traceCode(n)},
			},
			{ID: "2", Code: "C14010200002", ShopCode: "7002", Name: "医用口罩", Class: "consumable", Quantity: "1", UnitPrice: "12.00", Total: "12.00"},
			{ID: "3", Code: "C14010200003", ShopCode: "7003", Name: "棉签", Class: "consumable", Quantity: "1", UnitPrice: "0.01", Total: "0.01"},
		},
	}}
}

func traceCode(n int) string { return fmt.Sprintf("8%019d", n) }

// firstSales sells once at every till, which also asks the centre for what is not known yet of the family, and demands that
// relatives pay. Their numbers lie above all that the load uses.
func firstSales(ctx context.Context, s *shop.Shop) error {
	const above = 900_000_000 - 900_000_000%tills
	for till := range s.Tills() {
		c := s.Client(till)
		answer, _, err := c.Settle(ctx, sale(above+till))
		c.Close()
		if err != nil {
			return fmt.Errorf("the first sale at till %d: %w", till, err)
		}
		if answer.SharedPaid == "0.00" || len(answer.Postings) == 0 {
			return fmt.Errorf("nobody but the patient pays: %+v", answer.SplitAnswer)
		}
	}
	return nil
}

// requests makes the bytes of the n-th sale. All but the numbers in it is made once for each till.
func requests(s *shop.Shop) func(n int) []byte {
	const mark = 123_456_789 - 123_456_789%tills
	tokens := s.Tokens()[1:] // without the manager's
	host := strings.TrimPrefix(s.APIURL(), "http://")
	made := make([]template, s.Tills())
	for till := range made {
		made[till] = templateOf(host, tokens[till], mark+till)
	}
	return func(n int) []byte { return made[n%len(made)].fill(n) }
}

// answers waits until the API says that it is ready, and returns how long that took.
func answers(ctx context.Context, s *shop.Shop, began time.Time) (time.Duration, error) {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.APIURL()+"/readyz", nil)
		if err != nil {
			return 0, err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			ready := response.StatusCode == http.StatusOK
			_ = response.Body.Close() // nothing of it is read
			if ready {
				return time.Since(began), nil
			}
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("the daemon does not answer: %w\n%s", ctx.Err(), s.LogTail())
		}
		pause(ctx, time.Millisecond)
	}
}
