package payload

import (
	"encoding/binary"
	"math/bits"
)

// Words of eight equal bytes.
const (
	ones       = 0x0101010101010101
	highs      = 0x80 * ones
	spaces     = ' ' * ones
	quotes     = '"' * ones
	backslashs = '\\' * ones
)

// special marks, by their high bits, the bytes of a word at which plain text
// ends. The lowest mark is right; those above it may be too many.
func special(word uint64) uint64 {
	quote, backslash := word^quotes, word^backslashs
	// Of a byte below n, and of no other below 0x80 unless a lower one was
	// marked, the high bit is set when n is subtracted.
	return (word | (word - spaces) | (quote - ones) | (backslash - ones)) & highs
}

// long is after how many plain bytes text is taken for long, such as an image
// in base64: more bytes at a time are then worth their while.
const long = 64

// plain returns the index of the next byte that is not plain text: a quote, a
// backslash, a control character or one outside ASCII; at worst the end.
func plain(doc []byte, i int) int {
	for end := i + long; i+8 <= len(doc); i += 8 {
		if mark := special(binary.LittleEndian.Uint64(doc[i:])); mark != 0 {
			return i + bits.TrailingZeros64(mark)/8
		}
		if i >= end {
			i = plainBlocks(doc, i+8) - 8
			end = len(doc)
		}
	}
	for i < len(doc) && doc[i] >= ' ' && doc[i] < 0x80 && doc[i] != '"' && doc[i] != '\\' {
		i++
	}
	return i
}

// plainBlocks passes over blocks of 32 plain bytes.
func plainBlocks(doc []byte, i int) int {
	for ; i+32 <= len(doc); i += 32 {
		block := doc[i : i+32]
		if special(binary.LittleEndian.Uint64(block))|
			special(binary.LittleEndian.Uint64(block[8:]))|
			special(binary.LittleEndian.Uint64(block[16:]))|
			special(binary.LittleEndian.Uint64(block[24:])) != 0 {
			break
		}
	}
	return i
}
