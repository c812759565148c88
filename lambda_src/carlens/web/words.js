// The page is written in English; these are its other words. Text between braces is filled in.

const FRENCH = {
  // The frame
  "Carlens: see the vehicles in your photos": "Carlens : les véhicules de vos photos",
  "Carlens: the API": "Carlens : l’API",
  "Carlens: names": "Carlens : les noms",
  Photos: "Photos",
  "See the vehicles in your photos": "Voyez les véhicules de vos photos",
  "Send several photos at once. Every car and truck comes back boxed, with its make and model where the picture shows enough, and plainly marked as a guess where it does not.":
    "Envoyez plusieurs photos à la fois. Chaque voiture, chaque camion revient encadré, avec marque et modèle quand la photo suffit, et signalé comme une supposition sinon.",
  "Pictures to look at": "Images à examiner",
  "Drop or paste photos here": "Déposez ou collez des photos ici",
  "Let go to add": "Relâchez pour ajouter",
  "Choose photos": "Choisir des photos",
  "Take a photo": "Prendre une photo",
  "Try an example": "Essayer un exemple",
  "JPEG, PNG, WebP, GIF, BMP or TIFF": "JPEG, PNG, WebP, GIF, BMP ou TIFF",
  "Or picture addresses, one a line": "Ou des adresses d’images, une par ligne",
  "Add addresses": "Ajouter les adresses",
  "Pictures to send, in this order": "Images à envoyer, dans cet ordre",
  "Look for": "Chercher",
  "Vehicles with make and model": "Véhicules, marque et modèle",
  "All objects": "Tous les objets",
  "API key": "Clé d’API",
  "Only if this API asks for one. It is sent as": "Seulement si cette API en demande une. Envoyée comme",
  "and forgotten when you leave.": "et oubliée quand vous partez.",
  Cancel: "Annuler",
  "Remove all": "Tout retirer",
  "Progress of the request": "Avancement de la requête",
  "What the names cover.": "Ce que couvrent les noms.",
  "How sure the names are": "Certitude des noms",
  Name: "Nom",
  "Make, a guess": "Marque, supposée",
  "Kind only": "Catégorie seule",
  "Detected with at least": "Détectés à partir de",
  "Show only": "Afficher seulement",
  "Copy JSON": "Copier le JSON",
  "Download CSV": "Télécharger le CSV",
  "The whole answer, whatever the filters show": "Toute la réponse, quels que soient les filtres",
  "What the filters show": "Ce que montrent les filtres",
  Enlarge: "Agrandir",
  "Download annotated PNG": "Télécharger le PNG annoté",
  "The same request from your code": "La même requête depuis votre code",
  "A request from your code": "Une requête depuis votre code",
  "Language of the code": "Langage du code",
  Copy: "Copier",
  "The API": "L’API",
  "API contract": "Contrat de l’API",
  Models: "Modèles",
  Health: "État",
  Views: "Vues",

  // Written names
  Names: "Noms",
  "Find what people mean": "Trouvez ce que les gens veulent dire",
  "Makes and models as people write them, with typos, trims and engines, become the names of a reference table. What resembles nothing there stays empty.":
    "Marques et modèles comme les gens les écrivent, avec fautes, finitions et moteurs, deviennent les noms d’une table de référence. Ce qui n’y ressemble à rien reste vide.",
  "One name, as you type": "Un nom, pendant la frappe",
  Table: "Table",
  Make: "Marque",
  Model: "Modèle",
  "A whole file": "Un fichier entier",
  "CSV with commas, semicolons or tabs, a make and a model in each row; up to 10,000 rows. The answer has one row for each, in the same order, from the table chosen here.":
    "CSV à virgules, points-virgules ou tabulations, une marque et un modèle par ligne ; 10 000 lignes au plus. La réponse a une ligne pour chacune, dans le même ordre, selon la table choisie ici.",
  "Choose a CSV file": "Choisir un fichier CSV",
  "Download the answer": "Télécharger la réponse",
  "The first rows of the answer": "Les premières lignes de la réponse",
  "Write a make, a model or both.": "Écrivez une marque, un modèle ou les deux.",
  "Nothing in this table is similar enough.": "Rien dans cette table n’est assez semblable.",
  "No model of it is similar enough.": "Aucun de ses modèles n’est assez semblable.",
  Together: "Ensemble",
  Alternatives: "Autres possibilités",
  "Matching {name}…": "Recherche pour {name}…",
  "{name} is answered from the table {table}.": "{name} a sa réponse, de la table {table}.",
  "Scores are out of 100.": "Les notes sont sur 100.",
  "This file is more than {most}. Split it, and send the parts one by one.":
    "Ce fichier dépasse {most}. Divisez-le et envoyez les parties une à une.",
  "Reference: {name}": "Référence : {name}",

  // The tray
  "{n} photo added.": "{n} photo ajoutée.",
  "{n} photos added.": "{n} photos ajoutées.",
  "{n} address added.": "{n} adresse ajoutée.",
  "{n} addresses added.": "{n} adresses ajoutées.",
  "This line is no address. An address begins with https:// or http://.":
    "Cette ligne n’est pas une adresse. Une adresse commence par https:// ou http://.",
  "These lines are no addresses. An address begins with https:// or http://.":
    "Ces lignes ne sont pas des adresses. Une adresse commence par https:// ou http://.",
  "No preview": "Pas d’aperçu",
  "Not shown": "Non affichée",
  Address: "Adresse",
  "Remove {name}": "Retirer {name}",
  "Removed {name}.": "{name} retirée.",
  "All removed.": "Tout est retiré.",
  "Find the vehicles": "Trouver les véhicules",
  "Find the vehicles in {n} picture": "Trouver les véhicules dans {n} image",
  "Find the vehicles in {n} pictures": "Trouver les véhicules dans {n} images",
  "Find the objects": "Trouver les objets",
  "Find the objects in {n} picture": "Trouver les objets dans {n} image",
  "Find the objects in {n} pictures": "Trouver les objets dans {n} images",
  "{size} in all. The large ones will be scaled down, as one request holds {most}.":
    "{size} en tout. Les grandes seront réduites : une requête contient au plus {most}.",
  "Add a photo or an address first.": "Ajoutez d’abord une photo ou une adresse.",
  "Folders are not read: open the folder and drop its photos.":
    "Les dossiers ne sont pas lus : ouvrez le dossier et déposez ses photos.",

  // The request
  "Scaling down picture {i} of {n}…": "Réduction de l’image {i} sur {n}…",
  "These pictures are more than {most} even when scaled down. Send fewer at once, or smaller ones.":
    "Ces images dépassent {most} même réduites. Envoyez-en moins à la fois, ou de plus petites.",
  "{name} ({size}) cannot be scaled down by this browser; convert it to JPEG or remove it.":
    "Ce navigateur ne sait pas réduire {name} ({size}) ; convertissez-la en JPEG ou retirez-la.",
  "One request takes {most} pictures: remove {n}.":
    "Une requête prend {most} images : retirez-en {n}.",
  "Sending…": "Envoi…",
  "{sent} of {all}": "{sent} sur {all}",
  "Looking at the pictures…": "Examen des images…",
  "Canceled.": "Annulé.",
  "Done.": "Terminé.",
  "The server could not be reached. Check the connection and try again.":
    "Le serveur est injoignable. Vérifiez la connexion et réessayez.",
  "The server's answer could not be understood.": "La réponse du serveur est incompréhensible.",
  "The request failed.": "La requête a échoué.",
  "Something in this page broke. Reload it and try again.":
    "Quelque chose s’est cassé dans cette page. Rechargez-la et réessayez.",
  "If this API asks for a key, enter it under “API key” and try again.":
    "Si cette API demande une clé, saisissez-la sous « Clé d’API » et réessayez.",
  "The results below are from the request before.":
    "Les résultats ci-dessous sont ceux de la requête précédente.",
  "request {id}": "requête {id}",

  // The results
  "{n} vehicle": "{n} véhicule",
  "{n} vehicles": "{n} véhicules",
  "No vehicle": "Aucun véhicule",
  "{n} object": "{n} objet",
  "{n} objects": "{n} objets",
  "No object": "Aucun objet",
  "{found} in {n} picture": "{found} dans {n} image",
  "{found} in {n} pictures": "{found} dans {n} images",
  ", {n} failed": ", {n} en échec",
  "{n} picture failed": "{n} image en échec",
  "{n} pictures failed": "{n} images en échec",
  "0 of {found} passes the filters": "Les filtres masquent {found}",
  "0 of {found} pass the filters": "Les filtres masquent {found}",
  "{n} of {all} shown": "{n} sur {all}",
  "Round trip {time}": "Aller-retour {time}",
  "in Carlens {time}": "dont Carlens {time}",
  "read {time}": "lecture {time}",
  "decode {time}": "décodage {time}",
  "detect {time}": "détection {time}",
  "classify {time}": "classement {time}",
  "{width} × {height} pixels": "{width} × {height} pixels",
  "No vehicle found in this picture: no car and no truck. Buses, motorcycles and bicycles are among “All objects”.":
    "Aucun véhicule dans cette image : ni voiture ni camion. Les bus, motos et vélos sont parmi « Tous les objets ».",
  "Nothing found in this picture that the detector knows.":
    "Rien dans cette image que le détecteur connaisse.",
  "Nothing here passes the filters above; {n} hidden.":
    "Les filtres ci-dessus masquent tout ici : {n} en tout.",
  "Found in this picture": "Trouvés dans cette image",
  "This browser cannot show this file.": "Ce navigateur ne sait pas afficher ce fichier.",
  "This address shows no picture here.": "Cette adresse n’affiche pas d’image ici.",
  "Compressed before sending ({before} to {after}), to fit into one request.":
    "Compressée avant l’envoi ({before} à {after}), pour tenir dans une requête.",
  "Scaled down from {from} to {to} pixels before sending ({before} to {after}), to fit into one request. The boxes are mapped back to the original.":
    "Réduite de {from} à {to} pixels avant l’envoi ({before} à {after}), pour tenir dans une requête. Les cadres sont ramenés à l’original.",
  "The answer holds nothing for it.": "La réponse ne contient rien pour elle.",
  "detected {share}": "détection {share}",
  "{kind}, detected {share}": "{kind}, détection {share}",
  "; make {share}": " ; marque {share}",
  "Boxes in {name}; arrow keys move between them":
    "Cadres dans {name} ; les flèches passent de l’un à l’autre",
  "Not sure. The nearest names:": "Pas sûr. Les noms les plus proches :",
  Copied: "Copié",
  "Copying is not allowed here": "La copie n’est pas permise ici",
  "{name} saved.": "{name} enregistré.",
  "{name} saved, with the boxes alone: this page may not copy a picture of that site. For both in one, save the picture and send its file.":
    "{name} enregistré, avec les cadres seuls : cette page n’a pas le droit de copier une image de ce site. Pour avoir les deux, enregistrez l’image et envoyez son fichier.",
  "{name} saved, with the boxes alone: this browser cannot show this file.":
    "{name} enregistré, avec les cadres seuls : ce navigateur ne sait pas afficher ce fichier.",
  "The PNG could not be made: the picture is too large for this browser.":
    "Le PNG n’a pas pu être fait : l’image est trop grande pour ce navigateur.",

  // The code
  "Put your API key into the variable CARLENS_API_KEY first.":
    "Mettez d’abord votre clé d’API dans la variable CARLENS_API_KEY.",
  "Put your API key in place of YOUR_API_KEY.": "Mettez votre clé d’API à la place de YOUR_API_KEY.",
  "As they are, these files are more than the {most} of one request, and will be refused (413): scale them down first, as this page did.":
    "Tels quels, ces fichiers dépassent les {most} d’une requête et seront refusés (413) : réduisez-les d’abord, comme cette page.",
  "It scales the large files down, as this page did.":
    "Il réduit les grands fichiers, comme cette page.",
  "Needs pip install {packages}.": "Demande pip install {packages}.",
  "For a page with a file field that takes several files.":
    "Pour une page avec un champ de fichiers multiples.",
  "Save as carlens.mjs; Node.js 20 or later.": "À enregistrer comme carlens.mjs ; Node.js 20 ou plus.",

  // The API view
  "Loading the contract…": "Chargement du contrat…",
  "version {version}": "version {version}",
  "On this page": "Sur cette page",
  "The contract speaks English.": "Le contrat est rédigé en anglais.",
  Parameters: "Paramètres",
  "Request body": "Corps de la requête",
  Answers: "Réponses",
  Errors: "Erreurs",
  Fields: "Champs",
  Example: "Exemple",
  required: "obligatoire",
  "Try it": "Essayer",
  "Body as": "Corps en",
  "Photo files": "Fichiers photo",
  "Photo file": "Fichier photo",
  "CSV file": "Fichier CSV",
  "Addresses, one a line": "Adresses, une par ligne",
  Send: "Envoyer",
  default: "par défaut",
  "Answer to {route}": "Réponse à {route}",
  "Copy curl": "Copier le curl",
};

/** What the page says of an error in French, by its code; the server says it in English. */
const FRENCH_ERRORS = {
  not_an_image: "Vérifiez le fichier : il n’est pas une image, ou il est abîmé.",
  unsupported_image: "Envoyez du JPEG, PNG, WebP, GIF, BMP ou TIFF.",
  picture_too_large: "Réduisez-la : 1600 pixels de large suffisent.",
  invalid_base64: "Envoyez-la de nouveau.",
  url_refused: "Carlens ne va jamais chercher cette adresse. Envoyez l’image elle-même.",
  url_failed: "Vérifiez que l’adresse s’ouvre dans un navigateur, puis réessayez.",
  deadline_exceeded: "Renvoyez-la avec moins de photos à côté.",
  bad_request: "La requête n’est pas compréhensible.",
  malformed_body: "Le corps de la requête n’est pas ce qu’il annonce.",
  invalid_parameter: "Un paramètre est hors de ses limites.",
  no_pictures: "La requête ne contient aucune image.",
  no_rows: "La requête ne contient ni marque ni modèle : mettez-en une ligne au moins.",
  forbidden: "Le pare-feu ou la clé d’API de ce déploiement refuse.",
  not_found: "Cette route ou cette table n’existe pas.",
  method_not_allowed: "Cette route ne prend pas cette méthode.",
  payload_too_large: "La requête est trop grande : envoyez moins d’images, ou de plus petites.",
  too_many_pictures: "Trop d’images dans une requête : envoyez-en moins à la fois.",
  too_many_rows: "Trop de lignes, ou de possibilités, dans une requête : envoyez-les en plusieurs.",
  unsupported_media_type: "Carlens ne lit pas ce type de corps.",
  throttled: "Trop de requêtes en ce moment : attendez une seconde et réessayez.",
  quota_exceeded: "Le quota de la clé d’API est épuisé.",
  internal_error: "Quelque chose s’est cassé côté serveur : réessayez.",
  models_unavailable: "Les modèles ne peuvent être chargés : réessayez dans une minute.",
  table_unavailable: "La table ne peut être lue maintenant, ou elle est fausse : réessayez.",
  timeout: "La réponse a pris trop de temps : envoyez moins d’images, ou de plus petites.",
};

/** The reason a picture failed, as the title above what the server says: in English, in French. */
const PICTURE_ERRORS = {
  not_an_image: ["This is not a picture Carlens can read", "Carlens ne peut pas lire ceci comme une image"],
  unsupported_image: ["This kind of picture is not supported", "Ce genre d’image n’est pas pris en charge"],
  picture_too_large: ["This picture is too large", "Cette image est trop grande"],
  invalid_base64: ["This picture arrived damaged", "Cette image est arrivée abîmée"],
  url_refused: ["This address is not allowed", "Cette adresse n’est pas permise"],
  url_failed: ["This address could not be fetched", "Cette adresse n’a pas pu être lue"],
  deadline_exceeded: ["Time ran out before this picture", "Le temps a manqué avant cette image"],
  unknown: ["This picture failed", "Cette image a échoué"],
};

/** COCO's classes, which most detectors know; any other is shown as the model names it. */
const FRENCH_KINDS = Object.fromEntries(
  `person:personne bicycle:vélo car:voiture motorcycle:moto airplane:avion truck:camion
  boat:bateau traffic_light:feu_tricolore fire_hydrant:bouche_d’incendie stop_sign:panneau_stop
  parking_meter:parcmètre bench:banc bird:oiseau cat:chat dog:chien horse:cheval sheep:mouton
  cow:vache elephant:éléphant bear:ours zebra:zèbre giraffe:girafe backpack:sac_à_dos
  umbrella:parapluie handbag:sac_à_main tie:cravate suitcase:valise sports_ball:ballon
  kite:cerf-volant baseball_bat:batte_de_baseball baseball_glove:gant_de_baseball
  surfboard:planche_de_surf tennis_racket:raquette_de_tennis bottle:bouteille
  wine_glass:verre_à_vin cup:tasse fork:fourchette knife:couteau spoon:cuillère bowl:bol
  banana:banane apple:pomme broccoli:brocoli carrot:carotte hot_dog:hot-dog cake:gâteau
  chair:chaise couch:canapé potted_plant:plante_en_pot bed:lit dining_table:table toilet:toilettes
  tv:télé laptop:ordinateur_portable mouse:souris remote:télécommande keyboard:clavier
  cell_phone:téléphone microwave:micro-ondes oven:four toaster:grille-pain sink:évier
  refrigerator:réfrigérateur book:livre clock:horloge scissors:ciseaux teddy_bear:ours_en_peluche
  hair_drier:sèche-cheveux toothbrush:brosse_à_dents`
    .split(/\s+/)
    .map((pair) => pair.replaceAll("_", " ").split(":")),
);

let language = "en";

/** Say it in the page's language. */
function t(english, values = {}) {
  const text = (language === "fr" && FRENCH[english]) || english;
  return text.replace(/\{(\w+)\}/g, (hole, name) => values[name] ?? hole);
}

/** The same for a number of things: each language has its own idea of what is one. */
function plural(n, one, many, values = {}) {
  const form = new Intl.PluralRules(language).select(n) === "one" ? one : many;
  return t(form, { n, ...values });
}

const kindName = (kind) => (language === "fr" && FRENCH_KINDS[kind]) || kind;

const decimal = (x, digits) =>
  x.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

function percent(share) {
  const shown = (x) => x.toLocaleString(language, { style: "percent" });
  return share > 0 && share < 0.005 ? `<${shown(0.01)}` : shown(share);
}

function bytes(n) {
  const [unit, kilo, mega] = language === "fr" ? ["o", "ko", "Mo"] : ["B", "KB", "MB"];
  if (n < 1000) return `${n} ${unit}`;
  return n < 999_500 ? `${Math.round(n / 1000)} ${kilo}` : `${decimal(n / 1e6, 1)} ${mega}`;
}

function duration(ms) {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${decimal(ms / 1000, ms < 9950 ? 2 : 1)} s`;
}

const written = []; // what writes the words on the page again, in the language of now

/** Write something now, and again when the language changes. */
function inLanguage(write) {
  written.push(write);
  write();
}

/** Find what index.html says in English: text nodes, and labels that are read aloud. */
function findWritten() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const english = node.data.trim().replace(/\s+/g, " ");
    if (!(english in FRENCH)) continue;
    const [, before, after] = /^(\s*)[^]*?(\s*)$/.exec(node.data);
    written.push(() => (node.data = before + t(english) + after));
  }
  for (const name of ["aria-label", "title"]) {
    for (const element of document.body.querySelectorAll(`[${name}]`)) {
      const english = element.getAttribute(name);
      written.push(() => element.setAttribute(name, t(english)));
    }
  }
}

function setLanguage(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  for (const write of written) write();
}
