package measure

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// template is a request whose sale id and trace code are put in for every sale.
type template struct {
	text         []byte
	id, trace    int // where they stand
	idLen, coded int
}

// templateOf is the request of the n-th sale, cut open.
func templateOf(host, token string, n int) template {
	body, err := json.Marshal(sale(n))
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	text := post(host, "/v1/settlements", token, string(body))
	return template{
		text: text, id: bytes.Index(text, []byte(saleID(n))), trace: bytes.Index(text, []byte(traceCode(n))),
		idLen: len(saleID(n)), coded: len(traceCode(n)),
	}
}

func (t *template) fill(n int) []byte {
	text := bytes.Clone(t.text)
	copy(text[t.id:t.id+t.idLen], fmt.Appendf(nil, "B-%09d", n))
	copy(text[t.trace:t.trace+t.coded], traceCode(n))
	return text
}
