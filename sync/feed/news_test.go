package feed_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/feed"
)

// TestNewsWire: what is written is read again, and a refusal says nothing of the content.
func TestNewsWire(t *testing.T) {
	n := settle.News{
		ID: "N-7", CentreTime: time.Date(2026, 11, 22, 12, 0, 0, 5e6, settle.Beijing), Through: "00000000000000000042",
		People:     []settle.NewsPerson{{PsnNo: "43010000000000009001", Status: settle.StatusDeceased}},
		Cards:      []settle.NewsCard{{PsnNo: "43010000000000009001", Number: "T1", Identifier: "I1", Status: settle.CardLost}},
		Accounts:   []settle.NewsAccount{{PsnNo: "43010000000000009001", Status: settle.StatusFrozen, Frozen: 5, Held: 700}},
		EndedBinds: []string{"B-1"}, EndedPsnNo: []string{"43010000000000009002"},
	}
	data, err := feed.EncodeNews(&n)
	if err != nil {
		t.Fatal(err)
	}
	back, err := feed.DecodeNews(data)
	if err != nil || !back.CentreTime.Equal(n.CentreTime) {
		t.Fatalf("%v, %v", back.CentreTime, err)
	}
	back.CentreTime = n.CentreTime
	if !reflect.DeepEqual(back, n) {
		t.Errorf("%+v\nwant\n%+v", back, n)
	}
	_, err = feed.DecodeNews([]byte(`{"news_id":"N","people":[{"psn_no":430100}]}`))
	if settle.CodeOf(err) != settle.BadRequest || strings.Contains(err.Error(), "430100") {
		t.Errorf("%v", err)
	}
}
