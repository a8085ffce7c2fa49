package config

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Fen is an amount of money in fen, written in the file as yuan with exactly two decimals: "500.00".
type Fen int64

var yuanText = regexp.MustCompile(`^\d{1,9}\.\d{2}$`)

// parseFen reads yuan text. It never rounds.
func parseFen(text string) (Fen, error) {
	if !yuanText.MatchString(text) {
		return 0, errMoney
	}
	value, err := strconv.ParseInt(text[:len(text)-3]+text[len(text)-2:], 10, 64)
	if err != nil {
		return 0, errMoney
	}
	return Fen(value), nil
}

// String writes the amount as yuan.
func (f Fen) String() string { return fmt.Sprintf("%d.%02d", int64(f)/100, int64(f)%100) }

// Date is a calendar date in Beijing as yyyymmdd, written in the file as 2027-12-31; 0 is no date.
type Date int32

// parseDate reads a date; the empty text is no date.
func parseDate(text string) (Date, error) {
	if text == "" {
		return 0, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, errDate
	}
	y, m, d := t.Date()
	return Date(y*10000 + int(m)*100 + d), nil
}

// String writes the date, or the empty text for no date.
func (d Date) String() string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", int(d)/10000, int(d)/100%100, int(d)%100)
}

// The faults of values, which decode adds the place to.
var (
	errMoney    = problem{`money is yuan in quotes with exactly two decimals, such as "500.00"`, `金额须加引号、以元为单位、恰好两位小数，例如 "500.00"`}
	errDate     = problem{`a date is written as 2027-12-31`, `日期须写成 2027-12-31`}
	errDuration = problem{`a duration is a number with a unit, such as 30s, 5m or 24h`, `时长须为数字加单位，例如 30s、5m、24h`}
	errWhole    = problem{`must be a whole number`, `须为整数`}
	errBool     = problem{`must be true or false`, `须为 true 或 false`}
	errText     = problem{`must be a text, not a list or a block`, `须为一段文字，不能是列表或分级内容`}
	errList     = problem{`must be a list`, `须为列表`}
	errBlock    = problem{`must be a block of keys`, `须为分级的键`}
)

// problem is what is wrong with a value, in the two languages of the people who run this.
type problem struct{ english, chinese string }

// Error is the English half; faults carry both.
func (p problem) Error() string { return p.english }

func problemf(english, chinese string, args ...any) problem {
	return problem{fmt.Sprintf(english, args...), fmt.Sprintf(chinese, args...)}
}
