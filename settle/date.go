package settle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Beijing is the zone of every policy date. China has kept UTC+8 without daylight saving since 1992, so the fixed zone
// spares a look-up in a zone database that a till's PC may not have.
var Beijing = time.FixedZone("UTC+8", 8*60*60)

// Date is a calendar date in Beijing as yyyymmdd, so that dates compare as integers. 0 means no date.
type Date int32

// DateOf is the date of an instant in Beijing.
func DateOf(t time.Time) Date {
	y, m, d := t.In(Beijing).Date()
	return Date(y*10000 + int(m)*100 + d)
}

// ParseDate reads "2006-01-02" strictly; the empty text is no date.
func ParseDate(text string) (Date, error) {
	if text == "" {
		return 0, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, Beijing)
	if err != nil {
		return 0, fmt.Errorf("date must be written as 2006-01-02")
	}
	return DateOf(t), nil
}

// Year is the calendar year.
func (d Date) Year() int { return int(d) / 10000 }

// Month is year × 100 + month, for comparing months.
func (d Date) Month() int { return int(d) / 100 }

// Time is midnight at the start of the date in Beijing.
func (d Date) Time() time.Time {
	return time.Date(int(d)/10000, time.Month(int(d)/100%100), int(d)%100, 0, 0, 0, 0, Beijing)
}

// AddDays is the date n days later.
func (d Date) AddDays(n int) Date { return DateOf(d.Time().AddDate(0, 0, n)) }

// String writes "2006-01-02", or the empty text for no date.
func (d Date) String() string {
	if d == 0 {
		return ""
	}
	text := []byte("0000-00-00")
	for at, rest := range []int{3: int(d) / 10000, 6: int(d) / 100 % 100, 9: int(d) % 100} {
		for ; rest > 0; rest /= 10 {
			text[at] = byte('0' + rest%10)
			at--
		}
	}
	return string(text)
}

// MarshalJSON writes the date as text.
func (d Date) MarshalJSON() ([]byte, error) {
	return d.AppendJSON(make([]byte, 0, 12)), nil
}

// AppendJSON appends what MarshalJSON writes.
func (d Date) AppendJSON(data []byte) []byte {
	return append(append(append(data, '"'), d.String()...), '"')
}

// UnmarshalJSON reads what MarshalJSON wrote; null is no date.
func (d *Date) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*d = 0
		return nil
	}
	var text string
	if last := len(data) - 1; last > 0 && data[0] == '"' && data[last] == '"' && bytes.IndexByte(data, '\\') < 0 {
		text = string(data[1:last])
	} else if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("date must be a JSON string such as \"2006-01-02\"")
	}
	parsed, err := ParseDate(text)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
