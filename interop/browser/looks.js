// What people need of a page to see and hit what is on it (WCAG 2.2, AA). These
// functions run in the page.

/** Returns texts whose contrast is below 4.5:1. */
export function tooFaint() {
	const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
	const rgba = (color) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		return canvas.getImageData(0, 0, 1, 1).data;
	};
	const luminance = ([r, g, b]) => [r, g, b].reduce((sum, v, i) => {
		const c = v / 255;
		return sum + [0.2126, 0.7152, 0.0722][i] * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
	}, 0);
	const behind = (node) => {
		for (let e = node; e; e = e.parentElement) {
			const color = rgba(getComputedStyle(e).backgroundColor);
			if (color[3] === 255) return color;
		}
		return [255, 255, 255, 255];
	};
	const found = [];
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let text = walker.nextNode(); text; text = walker.nextNode()) {
		const parent = text.parentElement;
		if (!text.data.trim() || !parent.checkVisibility() || parent.closest('noscript, option')) continue;
		const [a, b] = [luminance(rgba(getComputedStyle(parent).color)), luminance(behind(parent))].sort((x, y) => y - x);
		const contrast = (a + 0.05) / (b + 0.05);
		if (contrast < 4.5) found.push(`${text.data.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
	}
	return found;
}

/** Returns what can be used and is smaller than 24 by 24, or has no name. */
export function tooSmall() {
	return [...document.querySelectorAll('a, button, input, select, summary')].filter((e) => e.checkVisibility()).flatMap((e) => {
		const { width, height } = e.getBoundingClientRect();
		const name = e.textContent.trim() || e.labels?.[0]?.textContent.trim() || '';
		return width >= 24 && height >= 24 && name ? [] : [`${e.tagName} ${name.slice(0, 40)}: ${width} by ${height}`];
	});
}
