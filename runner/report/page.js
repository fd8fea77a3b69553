'use strict';
(() => {
    const W = 720, H = 260, L = 64, R = 12, T = 8, B = 34;
    const charts = JSON.parse(document.getElementById('data').textContent);
    const form = document.getElementById('controls');
    const hiddenLines = new Set();
    const make = (name, attributes, text) => {
        const e = document.createElementNS('http://www.w3.org/2000/svg', name);
        for (const k in attributes) e.setAttribute(k, attributes[k]);
        if (text !== undefined) e.textContent = text;
        return e;
    };
    /* An average that forgets, corrected for its start; gaps stay gaps. */
    const smoothed = (y, weight) => {
        let sum = 0, norm = 0;
        return y.map(v => {
            if (v === null) return null;
            sum = weight * sum + (1 - weight) * v;
            norm = weight * norm + (1 - weight);
            return sum / norm;
        });
    };
    const ticks = (low, high, wanted) => {
        const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
        const step = power * ([1, 2, 5, 10].find(r => r * power >= raw) || 10), out = [];
        for (let v = Math.ceil(low / step) * step; v <= high + 1e-9 * step; v += step) out.push(Math.abs(v) < 1e-9 * step ? 0 : v);
        return out;
    };
    const short = v => Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(2) : String(+v.toPrecision(5));
    const view = (chart, wish) => chart.lines.map((line, i) => {
        const y = smoothed(line.y, wish.smooth), points = [];
        if (hiddenLines.has(chart.id + i)) return {line, i, points};
        line[wish.x].forEach((x, k) => {
            const bad = y[k] === null || (wish.logy && y[k] <= 0) || (wish.logx && x <= 0);
            points.push(bad ? null : {x, y: y[k], u: wish.logx ? Math.log10(x) : x, v: wish.logy ? Math.log10(y[k]) : y[k]});
        });
        return {line, i, points};
    });
    const draw = (chart, wish) => {
        const figure = document.getElementById(chart.id), svg = figure.querySelector('svg');
        const lines = view(chart, wish), all = lines.flatMap(l => l.points).filter(p => p);
        let [u0, u1, v0, v1] = [Infinity, -Infinity, Infinity, -Infinity];
        for (const p of all) { u0 = Math.min(u0, p.u); u1 = Math.max(u1, p.u); v0 = Math.min(v0, p.v); v1 = Math.max(v1, p.v); }
        if (!all.length) [u0, u1, v0, v1] = [0, 1, 0, 1];
        if (u1 - u0 < 1e-12) { u0 -= .5; u1 += .5; }
        if (v1 - v0 < 1e-12) { v0 -= .5; v1 += .5; }
        const px = u => L + (u - u0) / (u1 - u0) * (W - L - R), py = v => T + (1 - (v - v0) / (v1 - v0)) * (H - T - B);
        svg.replaceChildren();
        for (const u of ticks(u0, u1, 8)) {
            svg.append(make('path', {class: 'grid', d: `M${px(u)} ${T}V${H - B}`}), make('text', {class: 'x', x: px(u), y: H - B + 15}, short(wish.logx ? 10 ** u : u)));
        }
        for (const v of ticks(v0, v1, 5)) {
            svg.append(make('path', {class: 'grid', d: `M${L} ${py(v)}H${W - R}`}), make('text', {class: 'y', x: L - 6, y: py(v) + 4}, short(wish.logy ? 10 ** v : v)));
        }
        for (const l of lines) {
            let d = '', pen = 'M';
            for (const p of l.points) {
                if (!p) { pen = 'M'; continue; }
                d += `${pen}${px(p.u).toFixed(1)} ${py(p.v).toFixed(1)}${pen === 'M' ? 'h0' : ''}`;
                pen = 'L';
            }
            svg.append(make('path', {class: `line c${l.i % 8}`, d}));
        }
        svg.append(make('text', {class: 'x', x: (L + W - R) / 2, y: H - 3}, {step: 'step', time: 'time, s', tokens: 'tokens', flops: 'FLOPs'}[wish.x]));
        figure.onmousemove = event => {
            const box = svg.getBoundingClientRect(), u = u0 + ((event.clientX - box.left) / box.width * W - L) / (W - L - R) * (u1 - u0);
            const rows = lines.map(l => {
                const near = l.points.reduce((a, p) => p && (!a || Math.abs(p.u - u) < Math.abs(a.u - u)) ? p : a, null);
                return near && `${l.line.label}: ${short(near.y)} at ${short(near.x)}`;
            }).filter(r => r);
            tip.hidden = !rows.length;
            tip.textContent = rows.join('\n');
            tip.style.left = Math.min(event.pageX + 12, document.documentElement.clientWidth - 220) + 'px';
            tip.style.top = event.pageY + 12 + 'px';
        };
        figure.onmouseleave = () => { tip.hidden = true; };
    };
    const tip = document.createElement('div');
    tip.id = 'tip';
    tip.hidden = true;
    document.body.append(tip);
    const redraw = () => {
        for (const chart of charts) {
            draw(chart, {x: form.x.value, logx: form.logx.checked, logy: form.logy.checked !== chart.log, smooth: +form.smooth.value});
        }
    };
    for (const chart of charts) {
        document.getElementById(chart.id).querySelectorAll('.key').forEach((key, i) => {
            key.onclick = () => {
                const name = chart.id + i;
                if (!hiddenLines.delete(name)) hiddenLines.add(name);
                key.classList.toggle('off', hiddenLines.has(name));
                redraw();
            };
        });
    }
    const counted = charts.some(chart => chart.lines.some(line => line.flops.some(v => v > 0)));
    if (!counted) form.x.querySelector('[value=flops]').remove();
    form.hidden = false;
    form.oninput = redraw;
    redraw();
})();
