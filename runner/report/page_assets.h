/* page_assets.h - style and script of a page: page.css and page.js, built in. */
#ifndef RN_PAGE_ASSETS_H
#define RN_PAGE_ASSETS_H

extern const char rn_page_css[], rn_page_js[];

#endif
