package virtual

import (
	"bytes"
	"slices"

	"gongji/cardreader/apdu"
	"gongji/cardreader/sscard"
)

// environment is the application that is selected.
type environment int

const (
	envMaster environment = iota
	envSocial
	envHealth
	envPayment
)

// chip is a card under power: what is selected, and what waits for GET RESPONSE. It forgets all that when power goes.
type chip struct {
	card    Card
	env     environment
	file    byte // 5 or 6, 0 when none is selected
	pending []byte
}

// Answers to SELECT.
var (
	masterName = []byte("WS.SYS.MASTER.01")
	healthName = []byte("WS.SYS.DDF01")
	paymentAID = []byte{0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, 0x01}
)

// fci returns the file control information of an application: its name and what the issuer added.
func fci(name, proprietary []byte) []byte {
	inner := append([]byte{0x84, byte(len(name))}, name...)
	inner = append(append(inner, 0xA5, byte(len(proprietary))), proprietary...)
	return append([]byte{0x6F, byte(len(inner))}, inner...)
}

// socialInfo names the directory's short identifier and the algorithm.
var socialInfo = []byte{0x88, 0x01, 0x01, 0x9F, 0x0C, 0x03, 0x86, 0x01, 0x01}

// t0 answers a TPDU of protocol T=0: what a command with data returns has to be fetched by GET RESPONSE, once.
func (c *chip) t0(tpdu []byte) []byte {
	if len(tpdu) < 5 {
		return status(apdu.WrongLength)
	}
	if tpdu[0] != 0 {
		return status(apdu.BadCLA)
	}
	if tpdu[1] == apdu.InsGetResponse {
		return c.getResponse(tpdu)
	}
	c.pending = nil
	cmd := apdu.Command{INS: tpdu[1], P1: tpdu[2], P2: tpdu[3]}
	if len(tpdu) > 5 {
		if int(tpdu[4]) != len(tpdu)-5 {
			return status(apdu.WrongLength)
		}
		cmd.Data = tpdu[5:]
	}
	data, sw := c.do(cmd)
	switch {
	case sw != apdu.OK || len(data) == 0:
		return status(sw)
	case len(cmd.Data) > 0:
		c.pending = data
		return []byte{0x61, byte(len(data))}
	case int(tpdu[4]) != len(data):
		return []byte{0x6C, byte(len(data))}
	}
	return append(slices.Clone(data), status(apdu.OK)...)
}

// getResponse gives out what waits, or says how much it is.
func (c *chip) getResponse(tpdu []byte) []byte {
	if len(tpdu) != 5 {
		return status(apdu.WrongLength)
	}
	if len(c.pending) == 0 {
		return status(apdu.Conditions)
	}
	if int(tpdu[4]) != len(c.pending) {
		return []byte{0x6C, byte(len(c.pending))}
	}
	out := append(c.pending, status(apdu.OK)...)
	c.pending = nil
	return out
}

// apdu answers a whole command of protocol T=1.
func (c *chip) apdu(b []byte) []byte {
	cmd, err := apdu.ParseCommand(b)
	if err != nil {
		return status(apdu.WrongLength)
	}
	if cmd.CLA != 0 {
		return status(apdu.BadCLA)
	}
	data, sw := c.do(cmd)
	if cmd.Le > 0 && cmd.Le < len(data) {
		return []byte{0x6C, byte(len(data))}
	}
	return append(slices.Clone(data), status(sw)...)
}

func status(sw apdu.SW) []byte { return []byte{byte(sw >> 8), byte(sw)} }

// do carries out a command, whatever the protocol.
func (c *chip) do(cmd apdu.Command) ([]byte, apdu.SW) {
	switch cmd.INS {
	case apdu.InsSelect:
		return c.sel(cmd)
	case apdu.InsReadRecord:
		return c.readRecord(cmd)
	}
	return nil, apdu.BadINS
}

// sel selects an application by name or a file by identifier.
func (c *chip) sel(cmd apdu.Command) ([]byte, apdu.SW) {
	if cmd.P2 != 0 {
		return nil, apdu.BadP1P2
	}
	switch cmd.P1 {
	case 4:
		return c.selectName(cmd.Data)
	case 0, 2:
		return c.selectFile(cmd.Data)
	}
	return nil, apdu.BadP1P2
}

func (c *chip) selectName(name []byte) ([]byte, apdu.SW) {
	switch {
	case bytes.Equal(name, sscard.SSSE) && c.card.social():
		c.env, c.file = envSocial, 0
		return fci(name, socialInfo), apdu.OK
	case bytes.Equal(name, paymentAID) && c.card.kind == KindBank:
		c.env, c.file = envPayment, 0
		return fci(name, nil), apdu.OK
	}
	return nil, apdu.FileNotFound
}

func (c *chip) selectFile(id []byte) ([]byte, apdu.SW) {
	if len(id) != 2 {
		return nil, apdu.WrongLength
	}
	switch {
	case id[0] == 0x3F && id[1] == 0x00:
		c.env, c.file = envMaster, 0
		if c.card.kind == KindHealth {
			return fci(masterName, nil), apdu.OK
		}
		return nil, apdu.OK
	case id[0] == 0xDD && id[1] == 0xF1 && c.card.kind == KindHealth:
		c.env, c.file = envHealth, 0
		return fci(healthName, nil), apdu.OK
	case id[0] == 0xEF && (id[1] == 5 || id[1] == 6) && c.env == envSocial:
		c.file = id[1]
		return nil, apdu.OK
	}
	return nil, apdu.FileNotFound
}

// readRecord reads by number (mode 4) or tag (mode 0), from the selected file or by short identifier.
func (c *chip) readRecord(cmd apdu.Command) ([]byte, apdu.SW) {
	if c.env != envSocial {
		return nil, apdu.NoCurrentFile
	}
	file, mode := cmd.P2>>3, cmd.P2&7
	if file == 0 {
		file = c.file
	}
	if file == 0 {
		return nil, apdu.NoCurrentFile
	}
	items, values := c.open(file)
	if items == nil {
		return nil, apdu.FileNotFound
	}
	c.file = file
	if file == 6 && c.card.kind == KindSocial3 {
		return nil, apdu.SecurityNotSatisfied
	}
	switch tag := cmd.P1; mode {
	case 4:
		if tag == 0 || int(tag) > len(items) {
			return nil, apdu.RecordNotFound
		}
		return record(values, byte(items[tag-1].tag))
	case 0:
		return record(values, tag)
	}
	return nil, apdu.BadP1P2
}

// open returns a file's items in record order and its values.
func (c *chip) open(file byte) ([]item, map[byte][]byte) {
	switch file {
	case 5:
		return issuerItems, c.card.ef05
	case 6:
		items := holderItems
		if c.card.kind == KindSocial1 {
			items = slices.DeleteFunc(slices.Clone(items), func(it item) bool { return it.tag == sscard.TagNameMore })
		}
		return items, c.card.ef06
	}
	return nil, nil
}

func record(values map[byte][]byte, tag byte) ([]byte, apdu.SW) {
	v, ok := values[tag]
	if !ok {
		return nil, apdu.RecordNotFound
	}
	return sscard.EncodeTLV(sscard.Tag(tag), v), apdu.OK
}
