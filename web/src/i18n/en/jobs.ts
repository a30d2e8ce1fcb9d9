/** Texts in English: the list of jobs. */
export const jobs = {
  view: "As a table or as a wall",
  order: "Order",
  toUp: "Greatest first. Show the least first",
  toDown: "Least first. Show the greatest first",
  table: "As a table",
  wall: "As a wall of pictures",
  filters: "Filters",
  next: "Next page",
  previous: "Previous page",
  pageSize: "Per page",
  page: "Page {{page}}",
  of: "{{total}} jobs",
  sortBy: "Sort by {{field}}",
  variantsOf: "Variants of job {{job}}",
  picture: "A frame of job {{job}}",
};
